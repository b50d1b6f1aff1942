// The theme wants one.
