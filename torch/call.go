package torch

/*
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"sync"
	"unsafe"
)

var operators sync.Map // schema name → C.cl_op

func operator(name string) C.cl_op {
	if op, ok := operators.Load(name); ok {
		return op.(C.cl_op)
	}
	base, overload, _ := strings.Cut(name, ".")
	cbase, coverload := C.CString(base), C.CString(overload)
	defer C.free(unsafe.Pointer(cbase))
	defer C.free(unsafe.Pointer(coverload))
	r := C.cl_lookup(cbase, coverload)
	check(name, r.err)
	operators.Store(name, r.op)
	return r.op
}

// arguments are an operator's arguments in the flat form that cl_call reads.
type arguments struct {
	kinds   []byte
	tensors []C.cl_tensor
	ints    []C.int64_t
	doubles []C.double
}

func (a *arguments) int(kind byte, v int) {
	a.kinds = append(a.kinds, kind)
	a.ints = append(a.ints, C.int64_t(v))
}

func (a *arguments) add(v any) {
	switch v := v.(type) {
	case nil:
		a.kinds = append(a.kinds, 'N')
	case *Tensor:
		if v == nil {
			a.kinds = append(a.kinds, 'N')
			return
		}
		a.kinds = append(a.kinds, 't')
		a.tensors = append(a.tensors, v.c())
	case []*Tensor:
		a.int('T', len(v))
		for _, t := range v {
			a.tensors = append(a.tensors, t.c())
		}
	case int:
		a.int('i', v)
	case Dtype:
		a.int('i', int(v))
	case MemoryFormat:
		a.int('i', int(v))
	case Device:
		a.int('c', v.index())
	case *Generator:
		a.kinds = append(a.kinds, 'g')
		a.tensors = append(a.tensors, C.cl_tensor(v.handle))
	case bool:
		n := 0
		if v {
			n = 1
		}
		a.int('b', n)
	case float64:
		a.kinds = append(a.kinds, 'd')
		a.doubles = append(a.doubles, C.double(v))
	case []int:
		a.int('I', len(v))
		for _, n := range v {
			a.ints = append(a.ints, C.int64_t(n))
		}
	default:
		panic(fmt.Sprintf("torch: argument of type %T", v))
	}
}

// invoke calls an operator by the name of its schema, such as "aten::add.Tensor".
// Omitted trailing arguments take the schema's defaults.
func invoke(name string, args ...any) []C.cl_result {
	a := arguments{kinds: make([]byte, 0, 16), tensors: make([]C.cl_tensor, 0, 4), ints: make([]C.int64_t, 0, 8),
		doubles: make([]C.double, 0, 2)}
	for _, v := range args {
		a.add(v)
	}
	a.kinds = append(a.kinds, 0)
	r := C.cl_call(operator(name), (*C.char)(unsafe.Pointer(&a.kinds[0])), unsafe.SliceData(a.tensors),
		unsafe.SliceData(a.ints), unsafe.SliceData(a.doubles))
	if r.err != nil {
		check(name, r.err)
	}
	return r.results[:r.count]
}

// call is invoke for an operator with one tensor as its result.
func call(name string, args ...any) *Tensor { return wrap(invoke(name, args...)[0].t) }

// call2 is invoke for an operator with two tensors as its results.
func call2(name string, args ...any) (*Tensor, *Tensor) {
	r := invoke(name, args...)
	return wrap(r[0].t), wrap(r[1].t)
}

// inplace is invoke for an operator that changes t. It returns t.
func (t *Tensor) inplace(name string, args ...any) *Tensor {
	for _, r := range invoke(name, append([]any{t}, args...)...) {
		if r.t != nil {
			C.cl_free(r.t)
		}
	}
	return t
}
