package safetensors_test

import (
	"bytes"
	"fmt"

	"contralens/checkpoint"
	"contralens/checkpoint/safetensors"
)

func Example() {
	var file bytes.Buffer
	tensors := checkpoint.Dict{{Key: "bias", Value: checkpoint.FromFloat32([]float32{1, 2}, 2)}}
	if err := safetensors.Write(&file, tensors, map[string]string{"format": "pt"}); err != nil {
		fmt.Println(err)
	}
	back, metadata, err := safetensors.Parse(file.Bytes())
	fmt.Println(back.Tensor("bias").Float32s(), metadata, err)
	// Output: [1 2] map[format:pt] <nil>
}
