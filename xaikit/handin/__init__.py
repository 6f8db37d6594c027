"""What students hand in, read as files: a notebook's answers and code, a one-page report.

The student's look before handing in and grading both read by this. Nothing here runs what it reads.
"""
