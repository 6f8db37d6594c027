"""What people read: tables, feedback, the report of the class, the audit record."""
