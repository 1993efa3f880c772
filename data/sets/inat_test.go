package sets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/store"
)

const inatTrain = `{"info": {"year": 2018, "nested": [[1, {"a": 2}]]},
 "images": [{"id": 30, "file_name": "train_val2018/Aves/7/c.jpg", "width": 8}, {"id": 10, "file_name": "train_val2018/Plantae/2/a.jpg"}],
 "licenses": [], "annotations": [{"id": 1, "image_id": 10, "category_id": 2}, {"id": 2, "image_id": 30, "category_id": 7}],
 "categories": [{"id": 7, "name": "Corvus corax", "supercategory": "Aves"}, {"id": 2, "name": 2}, {"id": 9, "name": "unseen"}]}`

func inat(t *testing.T, train, val string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"train2018.json": train, "val2018.json": val} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openINat(t *testing.T, dir string) (data.Splits, error) {
	t.Helper()
	return openINat18(t.Context(), Options{Name: "inat18", Store: store.Disk{}, Folder: dir})
}

func TestINat18(t *testing.T) {
	val := `{"annotations": [{"image_id": 5, "category_id": 7}], "images": [{"id": 5, "file_name": "train_val2018/Aves/7/v.jpg"}]}`
	dir := inat(t, inatTrain, val)
	p, err := openINat(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	train, test := p.Train, p.Test
	if got, want := train.Classes(), []string{"2", "Corvus corax", "unseen"}; !slices.Equal(got, want) {
		t.Errorf("classes %q, want %q", got, want)
	}
	if train.Len() != 2 || train.Label(0) != 0 || train.Label(1) != 1 ||
		train.Path(0) != filepath.Join(dir, "train_val2018/Plantae/2/a.jpg") {
		t.Errorf("training images: %d, labels %d %d, first %s", train.Len(), train.Label(0), train.Label(1), train.Path(0))
	}
	if test.Len() != 1 || test.Label(0) != 1 {
		t.Errorf("test images: %d, label %d", test.Len(), test.Label(0))
	}
	if p, err := openINat(t, inat(t, inatTrain, "")); err != nil || p.Test != nil {
		t.Errorf("without val2018.json: %v, %v", p.Test, err)
	}
}

func TestINat18Errors(t *testing.T) {
	for _, tc := range []struct{ train, val, want string }{
		{"", "", "train2018.json"},
		{"[]", "", "JSON object"},
		{`{"images": 3}`, "", `images: want "["`},
		{inatTrain[:200], "", "unexpected EOF"},
		{strings.Replace(inatTrain, "train_val2018/Aves/7/c.jpg", "../../etc/passwd", 1), "", "below the dataset's folder"},
		{strings.Replace(inatTrain, `"id": 30`, `"id": 10`, 1), "", "image 10 appears twice"},
		{strings.Replace(inatTrain, `"image_id": 10`, `"image_id": 11`, 1), "",
			"image 10 (train_val2018/Plantae/2/a.jpg): want an annotation"},
		{inatTrain, strings.Replace(inatTrain, `"category_id": 7`, `"category_id": 8`, 1), "category 8 is not among the 3"},
		{fmt.Sprintf(`{"images": [{"id": 1, "file_name": %q}]}`, strings.Repeat("a", 2*maxAnnotationBytes)), "",
			"longer than"},
	} {
		if _, err := openINat(t, inat(t, tc.train, tc.val)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.60q: error %.200v, want one with %q", tc.train, err, tc.want)
		}
	}
}
