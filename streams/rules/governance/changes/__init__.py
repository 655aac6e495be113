"""Changes the firm after genesis: breakers at once on one authorised command, everything else by a quorum of other people."""
