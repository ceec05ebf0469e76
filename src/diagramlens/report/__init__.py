"""What a run came to, for people: contact sheets, one picture for the README, one HTML page."""
