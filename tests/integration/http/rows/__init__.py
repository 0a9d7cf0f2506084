"""The table of every call: a module for each subject, `ROWS` in each: the call and its rows by the call's name."""
