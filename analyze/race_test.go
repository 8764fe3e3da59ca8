//go:build race

package analyze

// simulations is how many comparisons a simulation runs: fewer under the race
// detector, which takes ten times as long and looks for something else.
const simulations = 40
