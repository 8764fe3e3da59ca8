// Package configs reads configuration files: the Python program's YAML, unchanged,
// strictly.
//
//	text -> parse -> one tree of keys -> expand ${VAR} -> read by each room's
//	                                     settings       -> rules that span keys
//
// Each room declares its own keys as [cycle.Setting]; this package finds their
// lines, reads the values and puts the rooms' parts together. Everything that is
// wrong is told at once, each [Finding] with its line and key.
//
// Plain scalars are read as YAML 1.1, which is what the Python program reads:
// yes and on are booleans, 0764 is octal, 8:20 is 500, and 5e2 is text.
package configs
