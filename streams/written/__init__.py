"""Files that people write (policies, lexicons): YAML that knows where it stands, and mistakes shown with a caret."""
