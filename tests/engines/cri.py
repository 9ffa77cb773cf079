"""A client of CRI, the interface through which Kubernetes talks to containerd and CRI-O: the definition is
that of Debian's package golang-github-kubernetes-cri-api-dev, compiled when the tests begin. Messages are
dictionaries here, with the names that their JSON form has."""
import subprocess

SOURCES = "/usr/share/gocode/src"
DEFINITION = "k8s.io/cri-api/pkg/apis/runtime/v1/api.proto"


class Client:
    """Calls of one server: client("RunPodSandbox", config={…}) gives the answer."""

    def __init__(self, socket, folder, timeout):
        import grpc
        from google.protobuf import descriptor_pb2, descriptor_pool, json_format
        self.format, self.error, self.timeout = json_format, grpc.RpcError, timeout
        compiled = folder / "cri.descriptors"
        subprocess.run(["protoc", f"-I{SOURCES}", "--include_imports", f"--descriptor_set_out={compiled}", DEFINITION], check=True)
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file:
            self.pool.Add(file)
        self.services = [self.pool.FindServiceByName(f"runtime.v1.{name}") for name in ("RuntimeService", "ImageService")]
        self.channel = grpc.insecure_channel(f"unix:{socket}")

    def message(self, descriptor):
        from google.protobuf import message_factory
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(self.pool).GetPrototype(descriptor)

    def __call__(self, method, **request):
        service = next(s for s in self.services if method in s.methods_by_name)
        found = service.methods_by_name[method]
        call = self.channel.unary_unary(f"/{service.full_name}/{method}",
                                        request_serializer=self.message(found.input_type).SerializeToString,
                                        response_deserializer=self.message(found.output_type).FromString)
        answer = call(self.format.ParseDict(request, self.message(found.input_type)()), timeout=self.timeout)
        return self.format.MessageToDict(answer, preserving_proto_field_name=True)
