package methods

import (
	"contralens/contrast"
	"contralens/torch"
)

// membank contrasts a view of an image with the image's feature in a memory bank, and
// with features drawn from the bank: InsDis (Wu et al., 2018). With one bank per
// modality it is CMC (Tian et al., 2019); with jigsaw queries it is PIRL (Misra & van
// der Maaten, 2020).
type membank struct {
	*Model
	banks []*contrast.MemoryBank // one per branch
}

func newMemoryBank(m *Model) (Method, error) {
	method := &membank{Model: m}
	for i := range m.Query.Branches() {
		bank := contrast.NewMemoryBank(m.Images, m.Net.FeatDim, m.Seed+uint64(i), m.Device())
		method.banks = append(method.banks, bank)
	}
	return method, nil
}

// Crops is one: the key of an image is its row of the bank.
func (*membank) Crops() int { return 1 }

// Forward contrasts each image with its own row and with K rows drawn for it. After the
// step, the row moves towards the image's new feature.
func (m *membank) Forward(b *Batch) Outcome {
	features := m.Embed(b.Crops[0])
	m.EmbedJigsaw(b) // draw its random numbers before those of the negatives
	images := torch.FromInt64(b.Images, len(b.Images)).ToDevice(m.Device())
	keys, negatives := make([]*torch.Tensor, len(m.banks)), make([]contrast.SampledNegatives, len(m.banks))
	for i, bank := range m.banks {
		keys[i], negatives[i] = bank.Keys(images), b.Random.Negatives(bank, m.K)
	}
	loss := func(i int, q *torch.Tensor, b *Batch) keyLoss {
		ft := b.Random.Transform(q.Size(0), m.K, q.Size(1)) // λ of both sides, π
		return func(k *torch.Tensor, o contrast.Options) *contrast.Output {
			return contrast.InfoNCE(q, k, negatives[i], ft, o)
		}
	}
	out := m.addMixed(m.contrastKeys(b, features, keys, loss), b, b.Crops[0], keys, loss)
	out.AfterStep = func() { m.updateBanks(m.banks, images, features, b.origins(0, nil, m.Device())) }
	return out
}

// State returns the banks.
func (m *membank) State() State {
	var rows, origins []*torch.Tensor
	for _, bank := range m.banks {
		rows, origins = append(rows, bank.Rows), append(origins, bank.Origins)
	}
	return State{Contrast: named(rows), Origins: origins}
}

// Free frees the banks.
func (m *membank) Free() {
	for _, bank := range m.banks {
		bank.Free()
	}
}
