package remote

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// openGS opens a bucket of Google Cloud Storage, which speaks the protocol of S3 for listing
// and reading, with Google's own credentials: GOOGLE_APPLICATION_CREDENTIALS, what gcloud
// keeps, or those of the machine. Without any, public buckets can be read.
// STORAGE_EMULATOR_HOST names another server.
func openGS(ctx context.Context, bucket string) (*s3, error) {
	hint := "GOOGLE_APPLICATION_CREDENTIALS or `gcloud auth application-default login`"
	s := &s3{bucket: bucket, endpoint: "storage.googleapis.com", secure: true, hint: hint}
	if given := os.Getenv("STORAGE_EMULATOR_HOST"); given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Host == "" {
			if u, err = url.Parse("http://" + given); err != nil || u.Host == "" {
				return nil, fmt.Errorf("STORAGE_EMULATOR_HOST: want an address such as http://localhost:4443, got %s", given)
			}
		}
		s.endpoint, s.secure = u.Host, u.Scheme == "https"
	}
	var through http.RoundTripper = transport()
	found, err := google.FindDefaultCredentials(ctx, "https://www.googleapis.com/auth/devstorage.read_only")
	switch {
	case err == nil:
		through = &oauth2.Transport{Source: found.TokenSource, Base: through}
	case os.Getenv("GOOGLE_APPLICATION_CREDENTIALS") != "":
		return nil, fmt.Errorf("GOOGLE_APPLICATION_CREDENTIALS: want a file with Google's credentials: %w", err)
	}
	return s, s.connect(&minio.Options{
		Creds: credentials.NewStaticV4("", "", ""), Transport: through, MaxRetries: 1, Region: "auto",
		BucketLookup: minio.BucketLookupPath,
	})
}
