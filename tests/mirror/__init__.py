"""A mirror of every data set in miniature: archives of the owners' layouts, made here, served on the loopback interface."""
