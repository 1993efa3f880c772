package train

import (
	"contralens/contrast"
	"contralens/torch"
)

// banked contrasts one view of an image with the feature that a memory bank keeps
// of it and with features drawn from the bank: InsDis (Wu et al., 2018), with a
// bank for each modality CMC (Tian et al., 2019), with jigsaw queries PIRL (Misra
// & van der Maaten, 2020).
type banked struct {
	model *Model
	banks []*contrast.MemoryBank // one a branch
}

func newBanked(m *Model) (Method, error) {
	b := &banked{model: m}
	for i := range m.Query.Branches() {
		b.banks = append(b.banks, contrast.NewMemoryBank(m.Images, m.Net.FeatDim, m.Seed+uint64(i), m.Device()))
	}
	return b, nil
}

func (*banked) Crops() int { return 1 }

func (k *banked) Forward(b *Batch) Outcome {
	m := k.model
	features := m.Embed(b.Crops[0])
	jigsaws := m.EmbedJigsaw(b)
	images := torch.FromInt64(b.Images, len(b.Images)).ToDevice(m.Device())
	var targets []target
	for _, bank := range k.banks {
		targets = append(targets, target{bank.Keys(images), b.Random.Negatives(bank, m.K)})
	}
	out := m.meet(b, features, jigsaws, targets)
	out.Then = func() {
		m.Clock.Enter(Enqueue)
		for i, bank := range k.banks {
			bank.Update(images, features[i], m.BankMomentum)
		}
	}
	return out
}

func (k *banked) Memory() Memory {
	var rows []*torch.Tensor
	for _, bank := range k.banks {
		rows = append(rows, bank.Rows)
	}
	return Memory{Contrast: memories(rows)}
}

func (k *banked) Free() {
	for _, bank := range k.banks {
		bank.Free()
	}
}
