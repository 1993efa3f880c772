package world

// What a process says it does in a step, beside what it waits for, such as "images": it computes; it waits
// for the others, one of which can be held up while it is not itself; or the others wait for what it alone
// does, such as a checkpoint.
const (
	Computing = "computing"
	Others    = "the other ranks"
	Busy      = "busy, alone"
)
