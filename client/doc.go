// Package client talks to a kedrod service.
//
// A Client is safe for concurrent use. Every call is safe to repeat, submissions
// included (they carry an Idempotency-Key), so calls that meet a cut connection are
// tried again. What the service refuses comes back as *Error; a service that cannot
// be reached as *ConnError:
//
//	job, err := c.Submit(ctx, client.Submission{PipelineName: "train"}, client.SubmitOptions{})
//	var refused *client.Error
//	switch {
//	case errors.As(err, &refused):
//		fmt.Println(refused.Problem.Code, refused.Problem.Detail)
//	case err != nil:
//		return err
//	}
package client
