package npz_test

import (
	"bytes"
	"fmt"

	"contralens/checkpoint"
	"contralens/checkpoint/npz"
)

func Example() {
	var file bytes.Buffer
	tensors := checkpoint.Dict{{Key: "bias", Value: checkpoint.FromFloat32([]float32{1, 2}, 2)}}
	if err := npz.Write(&file, tensors); err != nil {
		fmt.Println(err)
	}
	back, err := npz.Parse(file.Bytes())
	fmt.Println(back.Tensor("bias").Float32s(), err)
	// Output: [1 2] <nil>
}
