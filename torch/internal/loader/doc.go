// Package loader loads an engine into a program that was built with the tag engine, and
// connects the functions that package torch calls with those of the engine.
//
// functions.h lists them. Each is a jump through a slot (jumps.S). At first the slots lead
// to the loader, so that the engine is loaded by the first call, unless Load did so before:
// commands that compute nothing start without libtorch. A jump costs a nanosecond.
package loader

//go:generate go run generate.go
