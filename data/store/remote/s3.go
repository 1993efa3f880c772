package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3 is a bucket of S3, of what speaks its protocol, or of Google Cloud Storage.
type s3 struct {
	bucket, endpoint string
	core             minio.Core
	hint             string // where credentials are looked for
	secure           bool
}

// openS3 opens a bucket with the credentials, region and endpoint that programs of AWS use:
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or else the files of AWS_PROFILE, or else those
// of the machine; AWS_REGION; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
func openS3(bucket string) (*s3, error) {
	providers := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if onAWS() {
		providers = append(providers, &credentials.IAM{})
	}
	b := &s3{bucket: bucket, endpoint: "s3.amazonaws.com", secure: true,
		hint: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials"}
	o := &minio.Options{
		Creds: credentials.NewChainCredentials(providers), Transport: transport(), MaxRetries: 1,
		BucketLookup: minio.BucketLookupAuto,
		Region:       first(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	}
	if given := first(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL")); given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("AWS_ENDPOINT_URL: want an address such as https://host:9000, got %s", given)
		}
		b.endpoint, b.secure, o.BucketLookup = u.Host, u.Scheme == "https", minio.BucketLookupPath
		o.Region = first(o.Region, "us-east-1")
	}
	return b, b.connect(o)
}

func (b *s3) connect(o *minio.Options) error {
	o.Secure = b.secure
	core, err := minio.NewCore(b.endpoint, o)
	if err != nil {
		return fmt.Errorf("endpoint %s: %w", b.endpoint, err)
	}
	core.SetAppInfo("contralens", "1")
	b.core = *core
	return nil
}

// onAWS reports whether the machine may have credentials of its own. Asking for them
// elsewhere takes seconds.
func onAWS() bool {
	for _, name := range []string{
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	vendor, err := os.ReadFile("/sys/devices/virtual/dmi/id/sys_vendor")
	return err == nil && strings.Contains(string(vendor), "Amazon")
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (b *s3) complete() bool { return true }

func (b *s3) list(ctx context.Context, key string) (entries []entry, err error) {
	prefix := key + "/"
	if key == "" {
		prefix = ""
	}
	for o := range b.core.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: prefix}) {
		if o.Err != nil {
			return nil, b.missing(o.Err)
		}
		name := strings.TrimPrefix(o.Key, prefix)
		if bare, folder := strings.CutSuffix(name, "/"); folder && bare != "" {
			entries = append(entries, entry{name: bare, folder: true})
		} else if name != "" {
			d := describedObject(o)
			entries = append(entries, entry{name: name, object: &d})
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, fs.ErrNotExist
	}
	return entries, nil
}

func describedObject(o minio.ObjectInfo) object {
	return object{size: o.Size, etag: strings.Trim(o.ETag, `"`), modified: o.LastModified}
}

func (b *s3) stat(ctx context.Context, key string) (object, error) {
	o, err := b.core.StatObject(ctx, b.bucket, key, minio.StatObjectOptions{})
	return describedObject(o), b.missing(err)
}

func (b *s3) get(ctx context.Context, key string, from, size int64, want object) (io.ReadCloser, object, error) {
	o := minio.GetObjectOptions{}
	if from > 0 || size < want.size {
		if err := o.SetRange(from, from+size-1); err != nil {
			return nil, object{}, err
		}
	}
	if want.etag != "" {
		if err := o.SetMatchETag(want.etag); err != nil {
			return nil, object{}, err
		}
	}
	r, info, header, err := b.core.GetObject(ctx, b.bucket, key, o)
	if err != nil {
		return nil, object{}, b.missing(err)
	}
	got := describedObject(info)
	got.size = want.size
	if _, total, ok := strings.Cut(header.Get("Content-Range"), "/"); ok {
		if _, err := fmt.Sscan(total, &got.size); err != nil {
			got.size = want.size
		}
	} else if info.Size > 0 {
		got.size = info.Size
	}
	return r, got, nil
}

// missing turns errors of S3 into those of package io/fs and ours.
func (b *s3) missing(err error) error {
	if err == nil {
		return nil
	}
	answer := minio.ToErrorResponse(err)
	status := answer.StatusCode
	switch {
	case answer.Code == "NoSuchKey": // a 404 may also be about the bucket or the access key
		return fs.ErrNotExist
	case status == http.StatusPreconditionFailed || status == http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return &statusError{status, first(answer.Code, http.StatusText(status))}
	}
	return err
}

// explain words the errors of S3 and of the network.
func (b *s3) explain(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return explainNetwork(err)
	}
	switch answer.Code {
	case "NoSuchBucket":
		return fmt.Errorf("there is no bucket %q at %s", b.bucket, b.endpoint)
	case "InvalidAccessKeyId":
		return fmt.Errorf("%s does not know the access key; it is taken from %s", b.endpoint, b.hint)
	case "SignatureDoesNotMatch":
		return fmt.Errorf("%s does not accept the secret key; it is taken from %s", b.endpoint, b.hint)
	case "PermanentRedirect", "AuthorizationHeaderMalformed":
		return fmt.Errorf("the bucket %q is in another region (%s): set AWS_REGION", b.bucket,
			first(answer.Region, answer.Message))
	}
	if answer.StatusCode == http.StatusForbidden || answer.StatusCode == http.StatusUnauthorized {
		if b.anonymous() {
			return fmt.Errorf("%s wants credentials, and none were found in %s", b.endpoint, b.hint)
		}
		return fmt.Errorf("%s denies access to the credentials from %s: they need permission to list and to read",
			b.endpoint, b.hint)
	}
	return fmt.Errorf("%s answers %d (%s)", b.endpoint, answer.StatusCode,
		strings.TrimRight(first(answer.Message, answer.Code), "."))
}

// anonymous reports that requests are not signed.
func (b *s3) anonymous() bool {
	c, err := b.core.GetCreds()
	return err != nil || c.AccessKeyID == "" && c.SessionToken == ""
}
