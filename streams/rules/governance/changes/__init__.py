"""What changes the firm after genesis: breakers at once on one authorised word, everything else by a quorum of other people."""
