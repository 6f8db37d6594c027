"""The instructor's commands: one module each, called by ``autograde.__main__``."""
