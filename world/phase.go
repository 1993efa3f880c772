package world

// What a process says it does in a step, beside what it waits for, such as "images": it computes, or it
// waits for the others, one of which can be held up while it is not itself.
const (
	Computing = "computing"
	Others    = "the other ranks"
)
