"""What only developers measure: parts of the program by themselves. Whole programs: `hashmatch bench`."""
