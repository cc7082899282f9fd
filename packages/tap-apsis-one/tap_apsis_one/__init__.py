"""Singer tap for APSIS One: profiles, their events, and e-mail events, from its asynchronous exports."""
