//go:build unix

package doctor

// readableByYou is what a settings file is that was read: another one is refused.
const readableByYou = ", readable by you alone"
