#version 330
in vec3 position;
uniform mat4 view;
out vec3 world;

void main() {
    world = position;
    gl_Position = view * vec4(position, 1);
}
