//go:build unix

package settings

// portableNames is the default of portable-names: files are told as the API names them.
const portableNames = "false"
