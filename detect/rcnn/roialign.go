package rcnn

import (
	"contralens/detect/box"
	"contralens/torch"
)

// region is a part of an image of the batch.
type region struct {
	image int
	box   box.Box // in pixels of the padded image
}

// pooler cuts regions out of maps by RoIAlign.
type pooler struct {
	side    int   // of the result
	strides []int // of the maps
	lowest  int   // level of the first map
	bags    box.Bags
}

// roiAlign returns the features of regions, [R, C, side, side], in the order of the regions.
// With several maps, a region uses that of its size (box.Level).
//
// It is one sparse product for each map: with the map as a table of positions [N·H·W, C], each
// cell of the result is a weighted sum of rows (box.Bags). libtorch's embedding_bag computes
// that and its gradient, exactly and on every device.
func (p *pooler) roiAlign(maps []*torch.Tensor, regions []region) *torch.Tensor {
	return torch.Scoped1(func() *torch.Tensor { return p.cut(maps, regions) })
}

func (p *pooler) cut(maps []*torch.Tensor, regions []region) *torch.Tensor {
	levels := make([][]int, len(maps)) // indices of regions
	for i, r := range regions {
		level := 0
		if len(maps) > 1 {
			level = box.Level(r.box, p.lowest, p.lowest+len(maps)-1) - p.lowest
		}
		levels[level] = append(levels[level], i)
	}
	var parts []*torch.Tensor
	order := make([]int64, len(regions)) // of each region in the parts
	done := 0
	for level, members := range levels {
		if len(members) == 0 {
			continue
		}
		for i, member := range members {
			order[member] = int64(done + i)
		}
		done += len(members)
		parts = append(parts, p.pool(maps[level], 1/float32(p.strides[level]), regions, members))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	if len(parts) == 0 {
		return maps[0].Narrow(0, 0, 0).Reshape(0, maps[0].Size(1), 1, 1).Expand(0, maps[0].Size(1), p.side, p.side)
	}
	return torch.Cat(parts, 0).IndexSelect(0, indices(order, maps[0].Device()))
}

// pool cuts some of the regions out of one map.
func (p *pooler) pool(m *torch.Tensor, scale float32, regions []region, members []int) *torch.Tensor {
	m = full(m)
	n, c, h, w := m.Size(0), m.Size(1), m.Size(2), m.Size(3)
	p.bags.Reset()
	for _, i := range members {
		r := regions[i]
		p.bags.Add(r.box, r.image*h*w, h, w, p.side, scale)
	}
	if len(p.bags.Indices) == 0 {
		p.bags.Indices, p.bags.Weights = append(p.bags.Indices, 0), append(p.bags.Weights, 0)
	}
	table := m.Permute(0, 2, 3, 1).Reshape(n*h*w, c)
	cells := table.EmbeddingBag(indices(p.bags.Indices, m.Device()), indices(p.bags.Offsets, m.Device()),
		like(table, p.bags.Weights, len(p.bags.Weights)))
	return cells.Reshape(len(members), p.side, p.side, c).Permute(0, 3, 1, 2)
}
