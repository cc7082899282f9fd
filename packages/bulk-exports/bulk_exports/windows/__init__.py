"""Which days are wanted, delivered and due.

In: settings, STATE, the present moment. Out: a `Plan`, and the `Bookmark` that goes back into STATE. Uses no other
room.
"""
