package contrast

import (
	"math"

	"contralens/torch"
)

// The columns of the origins of a memory's rows, int32 [K, 3]: which image a row is the embedding
// of, the step that computed it, counted from 1, and which of the image's random crops it
// saw. [Unknown] is in all of them for rows that no step has computed, and for those of a checkpoint
// that has no origins.
const (
	OriginImage = iota
	OriginStep
	OriginCrop
	OriginColumns
)

// Unknown is the origin of a row that nothing is known of.
const Unknown = -1

// Origins returns the origins of the keys of images, int32 [N, 3], on a device. Without
// images they are Unknown.
func Origins(images []int64, n, step, crop int, device torch.Device) *torch.Tensor {
	if images == nil {
		return unknown(n, device)
	}
	values := make([]int64, 0, OriginColumns*n)
	for _, image := range images {
		if image > math.MaxInt32 {
			image = Unknown
		}
		values = append(values, image, int64(step), int64(crop))
	}
	return torch.Scoped1(func() *torch.Tensor {
		return torch.FromInt64(values, n, OriginColumns).To(torch.Int32).ToDevice(device)
	})
}

// unknown are the origins of n rows that nothing is known of.
func unknown(n int, device torch.Device) *torch.Tensor {
	return torch.Full([]int{n, OriginColumns}, Unknown, torch.Options{Dtype: torch.Int32, Device: device})
}
