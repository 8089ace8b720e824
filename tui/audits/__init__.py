"""Audits as the command line and the chat run them: opened, followed, kept, looked at again."""
