package doctor

import "context"

const noFUSE = "Windows has no FUSE; ccsfs pull and ccsfs serve work without"

func (d *doctor) checkDevice(context.Context) (string, error) { return "", errSkipped(noFUSE) }

func (d *doctor) checkHelper(context.Context) (string, error) { return "", errSkipped(noFUSE) }
