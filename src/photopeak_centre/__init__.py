"""The centre: hospitals, devices, intake, automatic checking and review, as a web application over the library."""
