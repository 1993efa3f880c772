package study_test

import (
	"fmt"

	"contralens/study"
)

// The accuracies of five seeds, with the interval of their mean.
func ExampleNewEstimate() {
	e := study.NewEstimate([]float64{52, 54, 50, 53, 51})
	fmt.Printf("%.2f [%.2f, %.2f] from %d trainings\n", e.Mean, *e.Low, *e.High, e.N)
	// Output: 52.00 [50.04, 53.96] from 5 trainings
}

// A study of two arms, and the command line of its first training.
func ExampleParse() {
	s, err := study.Parse("ft.yaml", []byte(`
recipe: cifar10
arms:
  plain: {}
  ft: {ft: posneg, mix_start_epoch: 2}
seeds: [1, 2, 3]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Summary())
	cells := s.Cells(nil)
	fmt.Println(len(cells), cells[1].Name)
	fmt.Println(study.ShellWords(s.Command("out", cells[1])))
	_, err = study.Parse("ft.yaml", []byte("seeds: 3\narms: {plain: {}, ft: {ft: none}}"))
	fmt.Println(err)
	// Output:
	// 2 arms × 3 seeds; evaluated by knn; baseline: plain
	// 6 ft_seed-1
	// contralens contrast --config=cifar10 --probe=0 --save_freq=1000000 --ft=posneg --mix_start_epoch=2 --seed=1 --model_path=out/runs --tb_path=out/tb --name=ft_seed-1 --precision=fp32
	// ft.yaml, line 2: arm ft is the same training as arm plain: want arms that differ in an option that has an effect
}
