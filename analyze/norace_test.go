//go:build !race

package analyze

// simulations is how many comparisons a simulation runs.
const simulations = 200
