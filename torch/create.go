package torch

// Options describe the tensor that a constructor makes. The zero value stands for
// a float32 tensor on the CPU.
type Options struct {
	Dtype  Dtype // Uint8, the zero value, means Float32 unless Exact is set
	Exact  bool  // use Dtype even if it is Uint8
	Device Device
}

func (o Options) dtype() Dtype {
	if o.Dtype == Uint8 && !o.Exact {
		return Float32
	}
	return o.Dtype
}

func create(name string, o []Options, args ...any) *Tensor {
	var opt Options
	if len(o) > 0 {
		opt = o[0]
	}
	return call(name, append(args, opt.dtype(), nil, opt.Device, nil)...) // dtype, layout, device, pin_memory
}

// Zeros makes a tensor of zeros.
func Zeros(shape []int, o ...Options) *Tensor { return create("aten::zeros", o, shape) }

// Ones makes a tensor of ones.
func Ones(shape []int, o ...Options) *Tensor { return create("aten::ones", o, shape) }

// Empty makes a tensor whose elements are not initialized.
func Empty(shape []int, o ...Options) *Tensor { return create("aten::empty.memory_format", o, shape) }

// Full makes a tensor whose elements all have one value.
func Full(shape []int, value float64, o ...Options) *Tensor {
	return create("aten::full", o, shape, value)
}

// Scalar makes a tensor with no dimensions and one element.
func Scalar(value float64, o ...Options) *Tensor { return Full([]int{}, value, o...) }

// Arange makes the int64 tensor 0, 1, … n-1.
func Arange(n int) *Tensor { return ArangeOn(n, CPU) }

// ArangeOn makes the int64 tensor 0, 1, … n-1 on a device.
func ArangeOn(n int, device Device) *Tensor {
	return create("aten::arange", []Options{{Dtype: Int64, Device: device}}, n)
}

// Eye makes the identity matrix [n, n].
func Eye(n int, o ...Options) *Tensor { return create("aten::eye", o, n) }

// ZerosLike makes zeros of t's shape, type and device.
func ZerosLike(t *Tensor) *Tensor { return call("aten::zeros_like", t) }

// OnesLike makes ones of t's shape, type and device.
func OnesLike(t *Tensor) *Tensor { return call("aten::ones_like", t) }

// EmptyLike makes an uninitialized tensor of t's shape, type and device.
func EmptyLike(t *Tensor) *Tensor { return call("aten::empty_like", t) }
