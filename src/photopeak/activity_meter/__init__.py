"""Quality control of activity meters (dose calibrators): every activity that is given to a patient was read on one."""

#: the kinds of evidence its procedures take
KINDS = ("table",)
