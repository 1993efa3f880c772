package spectrum

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Names of measures, the keys of Space.Values.
const (
	RankMeName        = "rankme"
	ParticipationName = "participation"
	AlphaName         = "alpha"
	AlphaFitName      = "alpha_fit"
	NESumName         = "nesum"
	AliveName         = "alive"
	LiDARName         = "lidar"
	WassersteinName   = "wasserstein"
	UniformityName    = "uniformity"
	AlignmentName     = "alignment"
	RelativeName      = "relative_alignment"
	ChurnName         = "churn"
	CKAName           = "cka"
)

// Measured describes a measure for people.
type Measured struct {
	Name, Title, Axis string
	// Higher is +1 if a larger value is better within a method, -1 if a smaller one is, 0 if it
	// is no judge of features.
	Higher int
}

// Measures lists all measures, in the order in which they are shown.
var Measures = []Measured{
	{RankMeName, "RankMe", "effective rank", +1},
	{LiDARName, "LiDAR", "effective rank", +1},
	{ParticipationName, "Participation ratio", "dimensions", +1},
	{NESumName, "NESum", "Σλ/λ₁", +1},
	{AlphaName, "α-ReQ", "decay of the eigenvalues", 0}, // the nearer to 1, the better
	{AlphaFitName, "α-ReQ: fit", "R²", 0},
	{AliveName, "Directions in use", "share above 1e-4 of the largest", 0},
	{WassersteinName, "Uniformity W₂", "distance from uniform", -1},
	{UniformityName, "Uniformity of the probe set", "log mean exp(−2·distance²)", -1},
	{AlignmentName, "Alignment of the probe set", "squared distance of views", 0}, // low for a collapse, too
	{RelativeName, "Relative alignment", "distance of views over that of images", -1},
	{ChurnName, "Neighbor churn", "share of neighbors that changed", 0},
	{CKAName, "CKA with the epoch before", "similarity", 0},
}

// mostLiDAR is the number of dimensions above which LiDAR is left out: its time grows with
// the cube.
const mostLiDAR = 1024

// Space has the measures of features in one space, of the backbone or of the head.
type Space struct {
	Dim int `json:"dim"`
	// Values has the measures by name. Those that the features do not allow are missing.
	Values map[string]float64 `json:"values"`
	// Singular are the singular values, in descending order.
	Singular []float32 `json:"singular"`
}

// Sample is what is measured in one space: features of images, and of views of images.
type Sample struct {
	Images *mat.Dense // [N, D]
	Views  *mat.Dense // [n·q, D], the q views of an image in a row; nil if there are none
	Q      int
}

// Matrix returns float32 features as rows of d values.
func Matrix(features []float32, d int) *mat.Dense {
	values := make([]float64, len(features))
	for i, v := range features {
		values[i] = float64(v)
	}
	return mat.NewDense(len(features)/d, d, values)
}

// Traces is what the next epoch is compared with. The zero value compares with nothing.
type Traces struct {
	near   [][]int
	kernel *mat.SymDense
}

// TracesOf returns the traces of images [N, D].
func TracesOf(images *mat.Dense) Traces {
	return Traces{near: Neighbors(Unit(images)), kernel: kernel(images)}
}

// Measure computes all measures of a sample, and the traces for the next epoch. before are those of the
// epoch that was measured before; measures of two epochs are missing if they are of other images. Values
// that are not finite are an error, as is a single image.
func Measure(s Sample, before Traces) (Space, Traces, error) {
	n, d := s.Images.Dims()
	if n < 2 {
		return Space{}, Traces{}, fmt.Errorf("spectrum: want the features of at least 2 images, got %d", n)
	}
	if err := finite(s.Images); err != nil {
		return Space{}, Traces{}, err
	}
	values := map[string]float64{}
	singular, variances := SingularValues(s.Images), Variances(s.Images)
	values[RankMeName] = RankMe(singular)
	values[ParticipationName] = Participation(variances)
	values[NESumName] = NESum(variances)
	values[AliveName] = Alive(variances)
	values[AlphaName], values[AlphaFitName] = AlphaReQ(variances)
	unit := Unit(s.Images)
	gram := products(unit)
	values[WassersteinName], values[UniformityName] = Wasserstein(unit), uniformity(gram)
	now := Traces{near: neighbors(gram), kernel: kernel(s.Images)}
	if len(before.near) == n && variances[0] > 0 {
		values[ChurnName] = 1 - Overlap(now.near, before.near)
		values[CKAName] = kernelAlignment(now.kernel, before.kernel)
	}
	if s.Views != nil {
		if err := finite(s.Views); err != nil {
			return Space{}, Traces{}, err
		}
		values[AlignmentName] = Alignment(Unit(s.Views), s.Q)
		values[RelativeName] = Relative(values[AlignmentName], values[UniformityName])
		if d <= mostLiDAR {
			if rank, err := LiDAR(s.Views, s.Q); err == nil {
				values[LiDARName] = rank
			}
		}
	}
	out := Space{Dim: d, Values: map[string]float64{}}
	for name, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out.Values[name] = v
		}
	}
	for _, v := range singular {
		out.Singular = append(out.Singular, float32(v))
	}
	return out, now, nil
}

// finite refuses values that are NaN or infinite.
func finite(x *mat.Dense) error {
	n, _ := x.Dims()
	for i := range n {
		for j, v := range x.RawRowView(i) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("spectrum: want finite features, got %v in feature %d of image %d", v, j, i)
			}
		}
	}
	return nil
}
