#version 330
in vec3 position;
in float cut;
uniform mat4 view;
out float cut_value;

void main() {
    cut_value = cut;
    gl_Position = view * vec4(position, 1);
}
