"""What hospitals hand in: the content-addressed store, intake by browser, folder and DICOM, studies and conflicts."""
