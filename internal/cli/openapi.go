package cli

import (
	"bytes"
	"encoding/json"

	"github.com/spf13/cobra"
)

func (a *app) openapi() *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the OpenAPI description of the HTTP calls",
		Long:  "Print the OpenAPI 3.1 description of the HTTP calls as JSON. It needs no server; with --url it is that server's own.",
		Args:  args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var (
				doc []byte
				err error
			)
			if a.url == "" && a.Backend.OpenAPI != nil {
				doc, err = a.Backend.OpenAPI(a.Version)
			} else {
				c, clientErr := a.client()
				if clientErr != nil {
					return clientErr
				}
				doc, err = c.OpenAPI(cmd.Context())
			}
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := json.Indent(&b, bytes.TrimSpace(doc), "", "  "); err != nil {
				return err
			}
			b.WriteByte('\n')
			_, err = a.Streams.Out.Write(b.Bytes())
			return err
		},
	}
}
