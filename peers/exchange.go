package peers

import (
	"slices"
	"strings"

	"contralens/nn"
	"contralens/torch"
)

// Gather returns the rows of all processes, [N, d], in the order of the ranks. z [n, d] are those
// of this process, and rows says how many each has. message, if it is not nil, is told to the
// others in the same exchange: messages [size, m] has those of all, with zeros up to a length that
// is the same everywhere. Messages have one length in all processes.
func Gather(g Group, z *torch.Tensor, rows []int, message []float32) (all, messages *torch.Tensor) {
	torch.NoGrad(func() {
		both := torch.ScopedAll(func() []*torch.Tensor {
			most := slices.Max(rows)
			met := g.AllGather(padded(z, most, message))
			var rest []*torch.Tensor
			for rank, n := range rows {
				if message != nil {
					rest = append(rest, met[rank].Narrow(0, most, met[rank].Size(0)-most).Reshape(1, -1))
				}
				met[rank] = met[rank].Narrow(0, 0, n)
			}
			if message == nil {
				return []*torch.Tensor{torch.Cat(met, 0)}
			}
			return []*torch.Tensor{torch.Cat(met, 0), torch.Cat(rest, 0)}
		})
		if all = both[0]; message != nil {
			messages = both[1]
		}
	})
	return all, messages
}

// padded returns z with zeros up to most rows, and then the message.
func padded(z *torch.Tensor, most int, message []float32) *torch.Tensor {
	n, d := z.Size(0), z.Size(1)
	rest := torch.Zeros([]int{most - n, d}, torch.Options{Dtype: z.Dtype()}).ToDevice(z.Device())
	parts := []*torch.Tensor{z.Detach(), rest}
	if message != nil {
		values := make([]float32, (len(message)+d-1)/d*d)
		copy(values, message)
		parts = append(parts, torch.FromFloat32(values, len(values)/d, d).To(z.Dtype()).ToDevice(z.Device()))
	}
	return torch.Cat(parts, 0)
}

// Union returns the numbers that any process has, sorted. own are those of this one.
func (p *Peers) Union(own []int) (all []int) {
	gather := func(values []int64) (met [][]int64) {
		torch.NoGrad(func() {
			torch.Scoped(func() {
				for _, t := range p.Group.AllGather(torch.FromInt64(values, len(values)).ToDevice(p.Device)) {
					met = append(met, t.Int64s())
				}
			})
		})
		return met
	}
	most := int64(0)
	for _, n := range gather([]int64{int64(len(own))}) {
		most = max(most, n[0])
	}
	if most == 0 {
		return nil
	}
	const none = -1
	values := slices.Repeat([]int64{none}, int(most))
	for i, v := range own {
		values[i] = int64(v)
	}
	for _, met := range gather(values) {
		for _, v := range met {
			if v != none {
				all = append(all, int(v))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// textLength is the largest number of bytes of an error that other processes get.
const textLength = 1000

// Loudest gathers a number and a text of each process, and returns those of the process with the
// largest number, the first of several.
func (p *Peers) Loudest(number int, text string) (rank, most int, said string) {
	torch.NoGrad(func() {
		torch.Scoped(func() {
			values := make([]float32, 1+textLength)
			values[0] = float32(number)
			for i := range min(len(text), textLength) {
				values[i+1] = float32(text[i])
			}
			own := torch.FromFloat32(values, len(values)).ToDevice(p.Device)
			for i, t := range p.Group.AllGather(own) {
				v := t.Float32s()
				if i > 0 && int(v[0]) <= most {
					continue
				}
				rank, most = i, int(v[0])
				var b []byte
				for _, c := range v[1:] {
					if c == 0 {
						break
					}
					b = append(b, byte(c))
				}
				said = strings.ToValidUTF8(string(b), "")
			}
		})
	})
	return rank, most, said
}

// AverageStatistics makes the running statistics of batch norm in s the mean over all groups of a
// batch, as in one process that has all groups: share is this process's part of the groups. uneven
// says that processes had different numbers of images, so that one with fewer may have counted
// fewer batches; the first process's counts are taken then.
func AverageStatistics(g Group, s nn.State, share float64, uneven bool) {
	statistics, counters := buffers(s)
	if len(statistics) == 0 {
		return
	}
	torch.NoGrad(func() {
		torch.Scoped(func() {
			var flat []*torch.Tensor
			for _, t := range statistics {
				flat = append(flat, t.View(-1))
			}
			sum := torch.Cat(flat, 0).MulScalar_(share)
			g.AllReduceSum(sum)
			at := 0
			for i, t := range flat {
				n := t.Size(0)
				flat[i].Copy_(sum.Narrow(0, at, n))
				at += n
			}
			if uneven && len(counters) > 0 {
				g.Broadcast(0, counters...)
			}
		})
	})
}

// buffers returns the running statistics of batch norm, and the numbers of batches in them.
func buffers(s nn.State) (statistics, counters []*torch.Tensor) {
	for _, e := range s {
		switch {
		case !e.Buffer:
		case strings.HasSuffix(e.Name, "num_batches_tracked"):
			counters = append(counters, e.Tensor)
		default:
			statistics = append(statistics, e.Tensor)
		}
	}
	return statistics, counters
}
