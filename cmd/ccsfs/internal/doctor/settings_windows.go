package doctor

// readableByYou is nothing here: who may read a file its access control list says, which is not
// looked at.
const readableByYou = ""
