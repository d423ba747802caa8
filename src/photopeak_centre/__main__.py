"""`python -m photopeak_centre`: the same as the command `photopeak`."""

from photopeak_centre.command import main

main()
