from kubetasks import collection

namespace = collection
