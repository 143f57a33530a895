"""A small shop on real servers, the client that loads it, the faults it meets and the judge of what was found."""
