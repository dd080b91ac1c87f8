"""Sign-up forms: what is asked, in which words, and what happens when somebody answers."""
