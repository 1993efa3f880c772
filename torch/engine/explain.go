package engine

import (
	"fmt"
	"regexp"

	"contralens/internal/libtorch"
)

// foreign are messages about a library that is none, or that lacks functions of another one.
var foreign = regexp.MustCompile(`^(\S+): (undefined symbol|symbol lookup error|invalid ELF header|file too short|` +
	`version .* not found|wrong ELF class|cannot read file data|ELF load command)`)

var missing = regexp.MustCompile(`^(\S+): cannot open shared object file`)

// nvidia are the libraries that a CUDA build of libtorch needs and that other packages bring.
var nvidia = regexp.MustCompile(`^lib(cu(dart|blas|blasLt|dnn|fft|file|pti|rand|solver|sparse|sparseLt)|` +
	`nccl|nvrtc|nvJitLink|nvToolsExt|nvshmem_host)\.so`)

// Explain turns the message of the system's loader, which could not load the engine, into
// a sentence.
func (e Engine) Explain(message string) error {
	if m := missing.FindStringSubmatch(message); m != nil && nvidia.MatchString(m[1]) {
		return fmt.Errorf("engine for %s: want NVIDIA's library %s, found none: this libtorch is a CUDA build without "+
			"CUDA's own libraries; install it again with them (pip install torch brings them)", e, m[1])
	} else if m != nil && e.Path != m[1] {
		return fmt.Errorf("engine for %s: want its library %s, found none: libtorch was removed, moved or upgraded; %s",
			e, m[1], e.again())
	}
	if m := foreign.FindStringSubmatch(message); m != nil {
		return fmt.Errorf("engine for %s: want libraries of that libtorch, got another version of one or a damaged one, "+
			"as %s shows; install libtorch again, and %s", e, m[1], e.again())
	}
	return fmt.Errorf("engine for %s: cannot be loaded; if libtorch was upgraded or damaged: %s (the loader says: %s)",
		e, e.again(), message)
}

// Upgraded is the error for a libtorch that was replaced by the version now.
func (e Engine) Upgraded(now string) error {
	return fmt.Errorf("engine for %s: want that version there, got %s: libtorch was upgraded; %s", e, now, e.again())
}

// torch is what names the engine's libtorch to libtorch.Find.
func (e Engine) torch() string {
	if e.Folder == "/usr" {
		return libtorch.Debian
	}
	return e.Folder
}

// Other is the error for an engine that was built from other C++ sources than the program.
func (e Engine) Other() error {
	where := e.Path
	if where == "" {
		where = "in this program"
	}
	return fmt.Errorf("engine %s: want one from the same sources as the program, got one from others; %s",
		where, e.again())
}

// Mismatch is the error for a libtorch whose version is not the one that the engine was
// built for.
func Mismatch(built, loaded string) error {
	return fmt.Errorf("libtorch: want version %s, for which this program was built, got %s: it was upgraded; "+
		"run make build or contralens engine build again", built, loaded)
}

// again says how to build an engine like e anew.
func (e Engine) again() string {
	if e.Path == "" {
		return "run make build again, or: contralens engine build auto, and choose it by " + Variable
	}
	return "run: contralens engine build " + e.torch()
}
