"""The use cases as shells call them: what is done is in the audit trail before it counts and before it is answered.

What changes something, or takes long, is recorded twice: `begun` before it is, and how it ended before anybody is told.
A `begun` without an end says that somebody has to look: the process was killed, or the trail was no longer writable.
"""
